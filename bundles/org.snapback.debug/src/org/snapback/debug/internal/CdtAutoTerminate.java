// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import org.eclipse.core.runtime.preferences.DefaultScope;
import org.eclipse.core.runtime.preferences.IEclipsePreferences;

/**
 * Keeps CDT from ending gdb when the inferior exits, as long as there is a launch under checkpoint control: a session
 * whose program has ended can still be rewound.
 *
 * <p>Changes the preference's default only, which is never written to disk; what the user has chosen stays chosen.
 */
final class CdtAutoTerminate {

    private int holders;
    private boolean before;

    synchronized void hold() {
        if (holders++ == 0) {
            before = node().getBoolean(Cdt.AUTO_TERMINATE_PREFERENCE, true);
            node().putBoolean(Cdt.AUTO_TERMINATE_PREFERENCE, false);
        }
    }

    synchronized void release() {
        if (--holders == 0) {
            node().putBoolean(Cdt.AUTO_TERMINATE_PREFERENCE, before);
        }
    }

    private static IEclipsePreferences node() {
        return DefaultScope.INSTANCE.getNode(Cdt.GDB_NODE);
    }
}
