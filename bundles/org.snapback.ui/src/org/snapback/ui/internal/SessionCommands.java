// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal;

/** The ids of the commands that plugin.xml declares. */
public final class SessionCommands {

    public static final String TAKE = "org.snapback.ui.takeSnapshot";
    public static final String REWIND = "org.snapback.ui.rewind";
    public static final String AUTO = "org.snapback.ui.autoSnapshots";
    public static final String SAVE = "org.snapback.ui.saveSnapshot";
    public static final String OPEN_IMAGE = "org.snapback.ui.openImage";

    /** Parameter of {@link #REWIND}: the number of a snapshot; without it, the last one taken. */
    public static final String REWIND_SNAPSHOT = "org.snapback.ui.rewind.snapshot";

    private SessionCommands() {}
}
