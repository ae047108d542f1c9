// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.Platform;
import org.osgi.framework.FrameworkUtil;
import org.snapback.core.Failure;

/** The preferences of launching, in the scope of the workspace; the defaults are declared here. */
public final class DebugPreferences {

    /** The preference node. */
    public static final String NODE = "org.snapback.debug";

    /** String: the gdb to use where nothing else says; a name on the PATH or a file. */
    public static final String GDB = "gdb";

    public static final String GDB_DEFAULT = "gdb";

    /** Boolean: new sessions take a snapshot at every stop. */
    public static final String AUTO = "auto";

    public static final boolean AUTO_DEFAULT = false;

    /** Integer, at least 1: how many automatic snapshots a session keeps. */
    public static final String AUTO_CAP = "autoCap";

    public static final int AUTO_CAP_DEFAULT = 20;

    public static final int AUTO_CAP_MAX = 1000;

    /** String: the folder of images that are saved without a name; empty, the default: one of the workspace's own. */
    public static final String IMAGE_FOLDER = "imageFolder";

    public static final String IMAGE_FOLDER_DEFAULT = "";

    private DebugPreferences() {}

    /** Made if it is not there. @throws CoreException if it cannot be */
    public static Path imageFolder() throws CoreException {
        String chosen = Platform.getPreferencesService().getString(NODE, IMAGE_FOLDER, IMAGE_FOLDER_DEFAULT, null);
        Path folder = chosen.isBlank()
                ? Platform.getStateLocation(FrameworkUtil.getBundle(DebugPreferences.class)).append("images").toPath()
                : Path.of(chosen.trim());
        try {
            return Files.createDirectories(folder);
        } catch (IOException e) {
            throw Failure.IMAGE.exception(
                    "The folder for images, " + folder + ", cannot be made: " + e.getMessage()
                            + ". Choose another on the preference page Snapback.",
                    e);
        }
    }

    public static String gdb() {
        String gdb = Platform.getPreferencesService().getString(NODE, GDB, GDB_DEFAULT, null);
        return gdb.isBlank() ? GDB_DEFAULT : gdb.trim();
    }

    public static boolean auto() {
        return Platform.getPreferencesService().getBoolean(NODE, AUTO, AUTO_DEFAULT, null);
    }

    public static int autoCap() {
        return Platform.getPreferencesService().getInt(NODE, AUTO_CAP, AUTO_CAP_DEFAULT, null);
    }
}
