// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.commands;

import java.util.Map;
import org.eclipse.core.commands.AbstractHandler;
import org.eclipse.core.commands.ExecutionEvent;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.commands.ICommandService;
import org.eclipse.ui.commands.IElementUpdater;
import org.eclipse.ui.menus.UIElement;
import org.snapback.core.operations.AutoSnapshotsOperation;
import org.snapback.ui.internal.SessionCommands;
import org.snapback.ui.internal.SessionJob;
import org.snapback.ui.internal.TargetSession;

/** Switches snapshots at every stop on and off; its buttons show what the target session really does. */
public final class AutoSnapshotsHandler extends AbstractHandler implements IElementUpdater {

    @Override
    public Object execute(ExecutionEvent event) {
        TargetSession.get()
                .session()
                .ifPresent(session -> SessionJob.run(
                        AutoSnapshotsOperation.enable(session, !session.auto().enabled())));
        // The button that was pressed has changed by itself; it changes for good when the session has.
        PlatformUI.getWorkbench().getService(ICommandService.class).refreshElements(SessionCommands.AUTO, null);
        return null;
    }

    @Override
    public void updateElement(UIElement element, @SuppressWarnings("rawtypes") Map parameters) {
        element.setChecked(TargetSession.get()
                .session()
                .map(session -> session.auto().enabled())
                .orElse(false));
    }
}
