// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.operations;

import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.core.control.Messages;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;
import org.snapback.core.protocol.TakeRequest;

/** Takes a snapshot; gives back what was taken. A failure leaves the program as it was. */
public final class TakeSnapshotOperation extends SessionOperation<Snapshot> {

    private final String name;

    /** @param name may be empty */
    public TakeSnapshotOperation(Session session, String name) {
        super(session);
        this.name = name;
    }

    @Override
    public String taskName() {
        return "Taking a snapshot of " + session().name();
    }

    @Override
    Request.Builder request() {
        return Request.newBuilder().setTake(TakeRequest.newBuilder().setName(name));
    }

    @Override
    void learn(Reply reply) {
        session().learn(reply.getSnapshot());
    }

    @Override
    Snapshot result(Reply reply) {
        return Messages.snapshot(reply.getSnapshot());
    }
}
