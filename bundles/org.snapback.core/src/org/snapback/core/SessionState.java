// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

/** What a session's program is doing; {@link #ENDED} is the last state and is never left. */
public enum SessionState {
    /** The supervisor is newer than this client and names a state unknown here. */
    UNKNOWN,
    STARTING,
    RUNNING,
    /** Stopped by the debugger, or by job control. */
    STOPPED,
    /** The inferior has ended; the debugger goes on and can still rewind. */
    EXITED,
    /** A debugger that has no inferior yet. */
    IDLE,
    /** The session is over, or its supervisor cannot be reached any more. */
    ENDED;

    /** True when there is a program of which a snapshot can be taken. */
    public boolean hasProgram() {
        return this == RUNNING || this == STOPPED;
    }
}
