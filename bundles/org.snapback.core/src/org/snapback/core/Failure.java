// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import org.eclipse.jdt.annotation.Nullable;
import java.util.Arrays;
import java.util.Optional;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.Status;

/** Why an operation failed; each is one {@link IStatus} code of this bundle, and its message says what to do. */
public enum Failure {
    /** The supervisor could not read the request, or an argument is out of range. */
    BAD_REQUEST(1),
    NO_SUCH_SNAPSHOT(2),
    /** Something in the session cannot be captured; the message names it, and nothing was touched. */
    REFUSED(3),
    /** gdb or the program did not come to rest in time. */
    BUSY(4),
    CANCELLED(5),
    /** Memory or process numbers are too short for a template. */
    NO_MEMORY(6),
    /** There is no program to capture: not started, or ended. */
    NO_PROCESS(7),
    /** A step failed; the message says which, and what state the program is in. */
    FAILED(8),
    /** Client and supervisor speak different versions of the protocol. */
    PROTOCOL_VERSION(9),
    /** The session's socket cannot be reached, or has closed. */
    DISCONNECTED(20),
    /** The peer sent what the protocol does not allow. */
    PROTOCOL_VIOLATION(21),
    /** The socket belongs to another user. */
    FOREIGN_SOCKET(22),
    /** The supervisor did not answer in time. */
    TIMEOUT(23),
    /** The native program is not there or cannot be run. */
    NO_NATIVE_PROGRAM(30),
    /** This machine cannot run sessions; the message says why and what to do. */
    UNSUPPORTED_KERNEL(31),
    /** The session's process could not be started, or ended before it was ready. */
    START_FAILED(32),
    /** No pseudo-terminal could be made. */
    NO_TERMINAL(33),
    /** A file is no image, or a damaged one, or cannot be read. */
    IMAGE(40);

    /** The plug-in id of every status made here. */
    public static final String PLUGIN_ID = "org.snapback.core";

    private final int code;

    Failure(int code) {
        this.code = code;
    }

    /** The {@link IStatus} code. */
    public int code() {
        return code;
    }

    /** @param text one sentence: what, where, what to do */
    public CoreException exception(String text) {
        return exception(text, null);
    }

    public CoreException exception(String text, @Nullable Throwable cause) {
        int severity = this == CANCELLED ? IStatus.CANCEL : IStatus.ERROR;
        return new CoreException(new Status(severity, PLUGIN_ID, code, text, cause));
    }

    /** True when that status is of this failure. */
    public boolean isToldBy(IStatus status) {
        return code == status.getCode() && PLUGIN_ID.equals(status.getPlugin());
    }

    /** The failure that a status of this bundle tells of; empty for every other status. */
    public static Optional<Failure> of(IStatus status) {
        return status.getPlugin().equals(PLUGIN_ID) ? of(status.getCode()) : Optional.empty();
    }

    /** The failure of that code; empty: none is known by it. */
    public static Optional<Failure> of(int code) {
        return Arrays.stream(values()).filter(f -> f.code == code).findFirst();
    }
}
