// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

/** What a session was started with. */
public enum SessionKind {
    /** The supervisor is newer than this client and names a kind unknown here. */
    UNKNOWN,
    /** A program alone: {@code snapback launch}. */
    PROGRAM,
    /** A gdb and what it debugs: {@code snapback gdb}. */
    DEBUGGER
}
