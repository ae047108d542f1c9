// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import org.eclipse.core.runtime.preferences.AbstractPreferenceInitializer;
import org.eclipse.core.runtime.preferences.DefaultScope;
import org.eclipse.core.runtime.preferences.IEclipsePreferences;
import org.snapback.debug.DebugPreferences;

/** Puts the defaults of {@link DebugPreferences} where the platform looks for them. */
public final class DefaultPreferences extends AbstractPreferenceInitializer {

    @Override
    public void initializeDefaultPreferences() {
        IEclipsePreferences node = DefaultScope.INSTANCE.getNode(DebugPreferences.NODE);
        node.put(DebugPreferences.GDB, DebugPreferences.GDB_DEFAULT);
        node.put(DebugPreferences.IMAGE_FOLDER, DebugPreferences.IMAGE_FOLDER_DEFAULT);
        node.putBoolean(DebugPreferences.AUTO, DebugPreferences.AUTO_DEFAULT);
        node.putInt(DebugPreferences.AUTO_CAP, DebugPreferences.AUTO_CAP_DEFAULT);
    }
}
