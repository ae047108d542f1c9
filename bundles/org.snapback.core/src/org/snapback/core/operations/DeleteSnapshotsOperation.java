// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.operations;

import java.util.Collection;
import java.util.List;
import org.snapback.core.Session;
import org.snapback.core.protocol.DeleteRequest;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;

/** Deletes snapshots and frees their memory; gives back the ids of what is gone. */
public final class DeleteSnapshotsOperation extends SessionOperation<List<Long>> {

    private final DeleteRequest request;

    private DeleteSnapshotsOperation(Session session, DeleteRequest request) {
        super(session);
        this.request = request;
    }

    public DeleteSnapshotsOperation(Session session, Collection<Long> snapshots) {
        this(session, DeleteRequest.newBuilder().addAllSnapshot(snapshots).build());
    }

    public static DeleteSnapshotsOperation all(Session session) {
        return new DeleteSnapshotsOperation(
                session, DeleteRequest.newBuilder().setAll(true).build());
    }

    /** The same, and the images that they were saved to as well. */
    public DeleteSnapshotsOperation withImages() {
        return new DeleteSnapshotsOperation(
                session(), request.toBuilder().setImages(true).build());
    }

    @Override
    public String taskName() {
        return "Deleting snapshots of " + session().name();
    }

    @Override
    Request.Builder request() {
        return Request.newBuilder().setDelete(request);
    }

    @Override
    void learn(Reply reply) {
        session().forget(reply.getDeleted());
    }

    @Override
    List<Long> result(Reply reply) {
        return List.copyOf(reply.getDeleted().getSnapshotList());
    }
}
