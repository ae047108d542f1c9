// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.util.Set;

/**
 * One open descriptor of a process in an image.
 *
 * @param target a path, or what else tells it from others; may be empty
 * @param flags by which it was opened, O_… of open(2)
 * @param position in the file
 * @param openFile the number of the open file behind it: equal where descriptors share one
 */
public record ImageDescriptor(
        int number, Kind kind, String target, int flags, long position, boolean closeOnExec, int openFile) {

    /** What is open. */
    public enum Kind {
        UNKNOWN,
        FILE,
        DEVICE,
        TERMINAL,
        PIPE,
        FIFO,
        EVENTFD,
        EPOLL,
        SHARED_OBJECT,
        OUTSIDE,
        PROC,
        /** Of a debugger: its link to the supervisor. */
        CHANNEL,
        TIMERFD,
        SIGNALFD,
        INOTIFY,
        FANOTIFY,
        PIDFD,
        PTY_MASTER,
        PTY_SLAVE,
        MESSAGE_QUEUE,
        SOCKET
    }

    private static final Set<Kind> WITH_POSITION = Set.of(Kind.FILE, Kind.SHARED_OBJECT, Kind.PROC);
    private static final int ACCESS_MODE = 3;

    public boolean hasPosition() {
        return WITH_POSITION.contains(kind);
    }

    /** "r", "w" or "rw". */
    public String access() {
        return switch (flags & ACCESS_MODE) {
            case 0 -> "r";
            case 1 -> "w";
            default -> "rw";
        };
    }
}
