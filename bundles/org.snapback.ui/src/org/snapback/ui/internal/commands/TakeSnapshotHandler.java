// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.commands;

import org.eclipse.core.commands.AbstractHandler;
import org.eclipse.core.commands.ExecutionEvent;
import org.snapback.core.operations.TakeSnapshotOperation;
import org.snapback.ui.internal.SessionJob;
import org.snapback.ui.internal.TargetSession;

/** Takes a snapshot of the target session. */
public final class TakeSnapshotHandler extends AbstractHandler {

    @Override
    public Object execute(ExecutionEvent event) {
        TargetSession.get().session().ifPresent(session -> SessionJob.run(new TakeSnapshotOperation(session, "")));
        return null;
    }
}
