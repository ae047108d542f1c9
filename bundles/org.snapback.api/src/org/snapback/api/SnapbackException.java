// SPDX-License-Identifier: EPL-2.0
package org.snapback.api;

/** Why a call of {@link Snapback} failed: one sentence, and a number of errno(3) as {@code snapback.h} lists them. */
public final class SnapbackException extends RuntimeException {

    private static final long serialVersionUID = 1;

    private final int errno;

    SnapbackException(int errno, String message) {
        super(message);
        this.errno = errno;
    }

    /** The number of errno(3), always positive. */
    public int errno() {
        return errno;
    }
}
