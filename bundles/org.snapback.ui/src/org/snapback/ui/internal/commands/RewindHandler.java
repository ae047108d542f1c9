// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.commands;

import org.eclipse.core.commands.AbstractHandler;
import org.eclipse.core.commands.ExecutionEvent;
import org.eclipse.core.commands.ExecutionException;
import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.ui.internal.SessionCommands;
import org.snapback.ui.internal.TargetSession;

/** Rewinds the target session to the snapshot that the command names, else to the last one. */
public final class RewindHandler extends AbstractHandler {

    @Override
    public Object execute(ExecutionEvent event) throws ExecutionException {
        Session session = TargetSession.get().session().orElse(null);
        if (session == null) {
            return null;
        }
        String chosen = event.getParameter(SessionCommands.REWIND_SNAPSHOT);
        if (chosen == null) {
            session.lastSnapshot().map(Snapshot::id).ifPresent(id -> Rewinding.start(session, id));
        } else {
            Rewinding.start(session, number(chosen));
        }
        return null;
    }

    private static long number(String text) throws ExecutionException {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new ExecutionException("The snapshot to rewind to must be named by its number, not " + text + ".", e);
        }
    }
}
