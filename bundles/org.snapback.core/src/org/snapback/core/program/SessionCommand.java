// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.program;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Builds the command lines that start sessions: the native program, its options, then what it is to run.
 *
 * <p>Every session follows this process: it does not outlive it, however it ends.
 */
public final class SessionCommand {

    private final List<String> words = new ArrayList<>();

    private SessionCommand(Path program, String verb, Path socket) {
        words.addAll(List.of(program.toString(), verb));
        option("--control", socket.toString());
        option("--name", SessionSockets.nameOf(socket));
        option("--follow", Long.toString(ProcessHandle.current().pid()));
    }

    /** {@code snapback launch}: a program alone. */
    public static SessionCommand launch(Path program, Path socket) {
        return new SessionCommand(program, "launch", socket);
    }

    /** {@code snapback gdb}: a gdb and what it debugs. */
    public static SessionCommand gdb(Path program, Path socket, String gdb) {
        return new SessionCommand(program, "gdb", socket).option("--gdb", gdb);
    }

    /** {@code snapback restart}: what an image holds goes on from there. */
    public static SessionCommand restart(Path program, Path socket, Path image) {
        return new SessionCommand(program, "restart", socket).words(List.of(image.toString()));
    }

    /** Of a {@link #gdb}: it debugs the program of that image, restored and stopped. */
    public SessionCommand image(Path image) {
        return option("--image", image.toString());
    }

    /** Of a {@link #gdb}: it runs beside the host's processes and can attach to them. */
    public SessionCommand onHost(boolean enabled) {
        if (enabled) {
            words.add("--host-pids");
        }
        return this;
    }

    /** A snapshot at every stop, so many of them at most. */
    public SessionCommand auto(boolean enabled, int cap) {
        if (enabled) {
            words.add("--auto");
        }
        return option("--auto-cap", Integer.toString(cap));
    }

    /** A rewind gives the files that the program writes back what was in them at the snapshot. */
    public SessionCommand rewindFiles(boolean enabled) {
        if (enabled && words.get(1).equals("restart")) {
            words.add("--rewind-files");
        } else if (enabled) {
            option("--files", "rewind");
        }
        return this;
    }

    private SessionCommand option(String name, String value) {
        words.add(name);
        words.add(value);
        return this;
    }

    /** All further words belong to the program or to gdb. */
    public SessionCommand words(List<String> more) {
        words.addAll(more);
        return this;
    }

    /** {@code launch} wants its options told apart from the program's. */
    public SessionCommand endOfOptions() {
        words.add("--");
        return this;
    }

    public List<String> toList() {
        return List.copyOf(words);
    }
}
