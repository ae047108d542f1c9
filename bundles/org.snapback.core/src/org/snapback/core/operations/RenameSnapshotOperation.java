// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.operations;

import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.core.control.Messages;
import org.snapback.core.protocol.RenameRequest;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;

/** Gives a snapshot a name; a named automatic snapshot is kept when the oldest are dropped. */
public final class RenameSnapshotOperation extends SessionOperation<Snapshot> {

    private final long snapshot;
    private final String name;

    /** @param name empty takes its name away */
    public RenameSnapshotOperation(Session session, long snapshot, String name) {
        super(session);
        this.snapshot = snapshot;
        this.name = name;
    }

    @Override
    public String taskName() {
        return "Renaming a snapshot of " + session().name();
    }

    @Override
    Request.Builder request() {
        return Request.newBuilder()
                .setRename(RenameRequest.newBuilder().setSnapshot(snapshot).setName(name));
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
