// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import org.eclipse.debug.ui.DebugUITools;
import org.eclipse.debug.ui.IDebugUIConstants;
import org.eclipse.jface.layout.GridDataFactory;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.swt.SWT;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Link;
import org.snapback.core.Session;
import org.snapback.core.Sessions;
import org.snapback.ui.internal.Messages;

/** What stands where the table would, as long as there is nothing to list: what to do. */
final class EmptyState {

    private final Composite page;
    private final Link text;

    EmptyState(Composite parent) {
        page = new Composite(parent, SWT.NONE);
        page.setBackgroundMode(SWT.INHERIT_FORCE);
        GridLayoutFactory.fillDefaults().margins(10, 10).applyTo(page);
        text = new Link(page, SWT.WRAP);
        GridDataFactory.fillDefaults().grab(true, true).hint(200, SWT.DEFAULT).applyTo(text);
        text.addListener(
                SWT.Selection,
                event -> DebugUITools.openLaunchConfigurationDialogOnGroup(
                        text.getShell(), null, IDebugUIConstants.ID_DEBUG_LAUNCH_GROUP));
    }

    Composite control() {
        return page;
    }

    String text() {
        return text.getText();
    }

    /** @param session null: none is the target */
    void explain(Session session) {
        String words = words(session);
        if (!words.equals(text.getText())) {
            text.setText(words);
            page.layout();
        }
    }

    private static String words(Session session) {
        if (session != null) {
            return session.state().hasProgram() ? Messages.emptyNoSnapshots : Messages.emptyNoProgram;
        }
        return Sessions.get().all().isEmpty() ? Messages.emptyNoSession : Messages.emptyManySessions;
    }
}
