// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.program;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashSet;
import java.util.Set;
import org.eclipse.core.runtime.CoreException;
import org.snapback.core.Failure;

/** The folder of the user's control sockets, which the native program and the shell commands use as well. */
public final class SessionSockets {

    private static final Path SELF = Path.of("/proc/self");

    /**
     * Given out already. None is given out twice by this process: a supervisor may not have made its socket yet, and of
     * one that has just ended the last events may still be under way.
     */
    private static final Set<Path> RESERVED = new HashSet<>();

    private SessionSockets() {}

    /** {@code $XDG_RUNTIME_DIR/snapback} where that is a folder of the user's own, else {@code /tmp/snapback-UID}. */
    public static Path folder() throws CoreException {
        String runtime = System.getenv("XDG_RUNTIME_DIR");
        try {
            if (runtime != null && runtime.startsWith("/") && isMine(Path.of(runtime))) {
                return Path.of(runtime, "snapback");
            }
            return Path.of("/tmp/snapback-" + Files.getAttribute(SELF, "unix:uid"));
        } catch (IOException e) {
            throw Failure.START_FAILED.exception("The folder for session sockets cannot be told: " + e.getMessage(), e);
        }
    }

    private static boolean isMine(Path folder) throws IOException {
        return Files.isDirectory(folder) && Files.getOwner(folder).equals(Files.getOwner(SELF));
    }

    /**
     * A name that no session has now, and the socket for it: the first free one of "bank-1", "bank-2"…
     *
     * @param base as the user calls what is started; what does not belong into a file's name is replaced
     */
    public static synchronized Path free(String base) throws CoreException {
        Path folder = safeFolder();
        String stem = base.replaceAll("[^A-Za-z0-9_.+-]+", "-").replaceAll("^[-.]+", "");
        stem = stem.isEmpty() ? "session" : stem.substring(0, Math.min(stem.length(), 40));
        int number = 1;
        while (Files.exists(folder.resolve(stem + "-" + number + ".sock"), LinkOption.NOFOLLOW_LINKS)
                || !RESERVED.add(folder.resolve(stem + "-" + number + ".sock"))) {
            number++;
        }
        return folder.resolve(stem + "-" + number + ".sock");
    }




    /** The session's name that belongs to a socket of {@link #free(String)}. */
    public static String nameOf(Path socket) {
        return socket.getFileName().toString().replaceAll("\\.sock$", "");
    }

    private static Path safeFolder() throws CoreException {
        Path folder = folder();
        try {
            if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
                Files.createDirectory(
                        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            }
            if (Files.isSymbolicLink(folder) || !isMine(folder)) {
                throw Failure.FOREIGN_SOCKET.exception("The folder for session sockets, " + folder
                        + ", is not a folder of yours. Remove it, or set XDG_RUNTIME_DIR to a folder of your own.");
            }
            return folder;
        } catch (IOException e) {
            throw Failure.START_FAILED.exception(
                    "The folder for session sockets, " + folder + ", cannot be made: " + e.getMessage()
                            + ". Set XDG_RUNTIME_DIR to a folder of your own.",
                    e);
        }
    }
}
