// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.commands;

import java.util.List;
import org.eclipse.core.commands.AbstractHandler;
import org.eclipse.core.commands.ExecutionEvent;
import org.eclipse.ui.IWorkbenchPage;
import org.eclipse.ui.handlers.HandlerUtil;
import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.ui.internal.TargetSession;
import org.snapback.ui.internal.view.SnapshotsView;

/** Saves the snapshots that are selected in the Snapshots view, else the last one. */
public final class SaveSnapshotHandler extends AbstractHandler {

    @Override
    public Object execute(ExecutionEvent event) {
        TargetSession.get().session().ifPresent(session -> save(session, selected(event, session)));
        return null;
    }

    private static void save(Session session, List<Snapshot> selected) {
        if (selected.isEmpty()) {
            session.lastSnapshot().ifPresent(last -> Saving.start(session, last.id()));
        }
        selected.forEach(snapshot -> Saving.start(session, snapshot.id()));
    }

    private static List<Snapshot> selected(ExecutionEvent event, Session session) {
        IWorkbenchPage page = HandlerUtil.getActiveWorkbenchWindow(event).getActivePage();
        return page != null && page.findView(SnapshotsView.ID) instanceof SnapshotsView view
                ? view.selected().stream().filter(s -> session.snapshot(s.id()).isPresent()).toList()
                : List.of();
    }
}
