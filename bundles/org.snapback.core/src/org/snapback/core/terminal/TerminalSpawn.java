// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.terminal;

import com.sun.jna.Memory;
import com.sun.jna.StringArray;
import com.sun.jna.ptr.IntByReference;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.eclipse.core.runtime.CoreException;
import org.snapback.core.Failure;

/**
 * Starts a process with a terminal in control, by posix_spawn(3).
 *
 * <p>Java's own way knows no sessions and no terminals. The child becomes the leader of a session first; the terminal
 * that such a leader opens then becomes its controlling one.
 */
final class TerminalSpawn {

    /** Larger than any C library's posix_spawnattr_t, posix_spawn_file_actions_t or sigset_t. */
    private static final int OPAQUE_SIZE = 1024;

    private static final int FIRST_FOREIGN_DESCRIPTOR = 3;

    private static final Path OPEN_DESCRIPTORS = Path.of("/proc/self/fd");

    private TerminalSpawn() {}

    static int spawn(List<String> command, Map<String, String> environment, Path folder, String terminal)
            throws CoreException {
        try (Memory actions = new Memory(OPAQUE_SIZE);
                Memory attributes = new Memory(OPAQUE_SIZE)) {
            Libc.C.posix_spawn_file_actions_init(actions);
            Libc.C.posix_spawnattr_init(attributes);
            try {
                setUp(actions, folder, terminal);
                setUp(attributes);
                return spawn(command, environment, actions, attributes);
            } catch (IOException | DirectoryIteratorException e) {
                throw Failure.START_FAILED.exception(
                        "Cannot start " + command.get(0) + " in " + folder + ": " + e.getMessage()
                                + ". See that both exist and that you may use them.",
                        e);
            } finally {
                Libc.C.posix_spawnattr_destroy(attributes);
                Libc.C.posix_spawn_file_actions_destroy(actions);
            }
        }
    }

    private static int spawn(
            List<String> command, Map<String, String> environment, Memory actions, Memory attributes)
            throws IOException {
        String[] variables = environment.entrySet().stream()
                .map(e -> e.getKey() + "=" + e.getValue())
                .toArray(String[]::new);
        IntByReference pid = new IntByReference();
        check(
                Libc.C.posix_spawn(
                        pid,
                        command.get(0),
                        actions,
                        attributes,
                        new StringArray(command.toArray(String[]::new)),
                        new StringArray(variables)),
                "posix_spawn");
        return pid.getValue();
    }

    private static void setUp(Memory actions, Path folder, String terminal) throws IOException {
        check(Libc.C.posix_spawn_file_actions_addchdir_np(actions, folder.toString()), "chdir");
        check(Libc.C.posix_spawn_file_actions_addopen(actions, 0, terminal, Libc.O_RDWR, 0), "open");
        check(Libc.C.posix_spawn_file_actions_adddup2(actions, 0, 1), "dup2");
        check(Libc.C.posix_spawn_file_actions_adddup2(actions, 0, 2), "dup2");
        closeForeign(actions);
    }

    /** The virtual machine's own files are none of the child's business. */
    private static void closeForeign(Memory actions) throws IOException {
        try {
            check(Libc.C.posix_spawn_file_actions_addclosefrom_np(actions, FIRST_FOREIGN_DESCRIPTOR), "closefrom");
        } catch (UnsatisfiedLinkError olderThanGlibc234) {
            try (DirectoryStream<Path> open = Files.newDirectoryStream(OPEN_DESCRIPTORS)) {
                for (Path entry : open) {
                    int fd = Integer.parseInt(entry.getFileName().toString());
                    if (fd >= FIRST_FOREIGN_DESCRIPTOR) {
                        check(Libc.C.posix_spawn_file_actions_addclose(actions, fd), "close");
                    }
                }
            }
        }
    }

    /** No signal is blocked or ignored in the child, whatever the virtual machine does with it. */
    private static void setUp(Memory attributes) throws IOException {
        int flags = Libc.POSIX_SPAWN_SETSID | Libc.POSIX_SPAWN_SETSIGDEF | Libc.POSIX_SPAWN_SETSIGMASK;
        check(Libc.C.posix_spawnattr_setflags(attributes, (short) flags), "setflags");
        try (Memory signals = new Memory(OPAQUE_SIZE)) {
            Libc.C.sigfillset(signals);
            check(Libc.C.posix_spawnattr_setsigdefault(attributes, signals), "setsigdefault");
            Libc.C.sigemptyset(signals);
            check(Libc.C.posix_spawnattr_setsigmask(attributes, signals), "setsigmask");
        }
    }

    private static void check(int error, String call) throws IOException {
        if (error != 0) {
            throw Descriptor.failure(call, error);
        }
    }
}
