// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

/** Hears what changes in a session. */
@FunctionalInterface
public interface SessionListener {

    /**
     * Called after the session's model has taken the change in, on the thread that reads the session's socket:
     * return at once, never wait for an operation of the same session here.
     */
    void sessionChanged(Session session, SessionChange change);
}
