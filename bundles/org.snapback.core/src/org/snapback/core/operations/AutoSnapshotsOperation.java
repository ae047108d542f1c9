// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.operations;

import org.snapback.core.AutoSettings;
import org.snapback.core.Session;
import org.snapback.core.control.Messages;
import org.snapback.core.protocol.AutoRequest;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;

/** Switches snapshots at every stop on or off, or changes how many are kept; gives back what is now in force. */
public final class AutoSnapshotsOperation extends SessionOperation<AutoSettings> {

    private final AutoRequest request;

    private AutoSnapshotsOperation(Session session, AutoRequest request) {
        super(session);
        this.request = request;
    }

    public static AutoSnapshotsOperation enable(Session session, boolean enabled) {
        return new AutoSnapshotsOperation(
                session, AutoRequest.newBuilder().setEnabled(enabled).build());
    }

    /** @param cap how many unnamed automatic snapshots are kept at most */
    public static AutoSnapshotsOperation keepAtMost(Session session, int cap) {
        return new AutoSnapshotsOperation(
                session, AutoRequest.newBuilder().setCap(cap).build());
    }

    @Override
    public String taskName() {
        return "Changing the automatic snapshots of " + session().name();
    }

    @Override
    Request.Builder request() {
        return Request.newBuilder().setAuto(request);
    }

    @Override
    void learn(Reply reply) {
        session().learn(reply.getAuto());
    }

    @Override
    AutoSettings result(Reply reply) {
        return Messages.auto(reply.getAuto());
    }
}
