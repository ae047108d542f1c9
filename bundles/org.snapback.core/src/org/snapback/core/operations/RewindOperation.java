// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.operations;

import org.snapback.core.RewindReport;
import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.core.control.Messages;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;
import org.snapback.core.protocol.RewindRequest;

/** Puts the session back to one of its snapshots. */
public final class RewindOperation extends SessionOperation<RewindReport> {

    private final long snapshot;
    private final boolean withDebugger;

    /** To that snapshot; the debugger keeps its own state. */
    public RewindOperation(Session session, long snapshot) {
        this(session, snapshot, false);
    }

    /**
     * @param snapshot 0: the last one taken
     * @param withDebugger the debugger's own state goes back too; possible only where the snapshot holds it
     */
    public RewindOperation(Session session, long snapshot, boolean withDebugger) {
        super(session);
        this.snapshot = snapshot;
        this.withDebugger = withDebugger;
    }

    @Override
    public String taskName() {
        String to = session().snapshot(snapshot).map(Snapshot::label).orElse("the last snapshot");
        return "Rewinding " + session().name() + " to " + to;
    }

    @Override
    Request.Builder request() {
        return Request.newBuilder()
                .setRewind(RewindRequest.newBuilder().setSnapshot(snapshot).setWithDebugger(withDebugger));
    }

    @Override
    void learn(Reply reply) {
        session().learn(reply.getRewind());
    }

    @Override
    RewindReport result(Reply reply) {
        return Messages.rewind(reply.getRewind());
    }
}
