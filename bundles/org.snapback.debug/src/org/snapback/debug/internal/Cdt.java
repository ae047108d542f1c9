// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

/** The names of CDT's that its opt-in needs; CDT itself is never referred to. */
final class Cdt {

    /** Bundle and preference node of CDT's gdb integration. */
    static final String GDB_NODE = "org.eclipse.cdt.dsf.gdb";

    /** The gdb command: of a launch (looked at first), and of a launch configuration. */
    static final String GDB_COMMAND = "org.eclipse.cdt.dsf.gdb.DEBUG_NAME";

    /** The gdb command in the preferences. */
    static final String GDB_COMMAND_PREFERENCE = "defaultGdbCommand";

    /** Whether CDT ends gdb when the last inferior has exited. */
    static final String AUTO_TERMINATE_PREFERENCE = "autoTerminateGdb";


    private Cdt() {}
}
