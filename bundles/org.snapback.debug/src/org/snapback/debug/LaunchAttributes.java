// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug;

/** The names of all attributes that Snapback keeps in launch configurations and in launches, each declared once. */
public final class LaunchAttributes {

    /** Launch type: a program under checkpoint control; mode "run". */
    public static final String PROGRAM_TYPE = "org.snapback.debug.program";

    /** Launch type: gdb, with its console, under checkpoint control; mode "debug". */
    public static final String GDB_TYPE = "org.snapback.debug.gdb";

    /**
     * Launch type: what an image holds. Mode "debug": the program, restored and stopped, and gdb attached to it; mode
     * "run": the program goes on.
     */
    public static final String IMAGE_TYPE = "org.snapback.debug.image";

    // Of a launch configuration of any type.

    /** Boolean: checkpoint control for a launch type that is not ours; default false. Ours always have it. */
    public static final String ENABLED = "org.snapback.debug.ENABLED";

    /** Boolean: a snapshot at every stop of the debugger; default as in the preferences. */
    public static final String AUTO = "org.snapback.debug.AUTO";

    /** Integer: how many automatic snapshots are kept at most; default as in the preferences. */
    public static final String AUTO_CAP = "org.snapback.debug.AUTO_CAP";

    /** Boolean: a rewind gives the files that the program writes back what was in them at the snapshot; default false. */
    public static final String REWIND_FILES = "org.snapback.debug.REWIND_FILES";

    /** String: the gdb to use; empty, the default: as the launch type's own settings say, else the preferences. */
    public static final String GDB = "org.snapback.debug.GDB";

    // Of a launch configuration of our types; each may hold variables such as ${workspace_loc}.

    /** String: the program's file. May be empty for a gdb session: gdb then starts without one. */
    public static final String PROGRAM = "org.snapback.debug.PROGRAM";

    /** String: the image to restart from; for {@link #IMAGE_TYPE} only. */
    public static final String IMAGE = "org.snapback.debug.IMAGE";

    /** String: the program's arguments, quoted as in a shell; default none. */
    public static final String ARGUMENTS = "org.snapback.debug.ARGUMENTS";

    /** String: default the program's own folder. */
    public static final String WORKING_DIRECTORY = "org.snapback.debug.WORKING_DIRECTORY";

    /** String: gdb commands to begin with, one a line; default none. */
    public static final String GDB_COMMANDS = "org.snapback.debug.GDB_COMMANDS";

    // Of a launch.

    /** The control socket of the launch's session. */
    public static final String SESSION_SOCKET = "org.snapback.debug.session.socket";

    private LaunchAttributes() {}
}
