// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.operations;

import org.eclipse.jdt.annotation.Nullable;
import org.snapback.core.Session;
import org.snapback.core.protocol.KillRequest;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;

/** Ends a session with all its processes and snapshots. */
public final class KillSessionOperation extends SessionOperation<@Nullable Void> {

    public KillSessionOperation(Session session) {
        super(session);
    }

    @Override
    public String taskName() {
        return "Ending " + session().name();
    }

    @Override
    Request.Builder request() {
        return Request.newBuilder().setKill(KillRequest.getDefaultInstance());
    }

    @Override
    @Nullable
    Void result(Reply reply) {
        return null;
    }
}
