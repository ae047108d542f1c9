// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.commands;

import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.Status;
import org.snapback.core.RewindReport;
import org.snapback.core.Session;
import org.snapback.core.operations.RewindOperation;
import org.snapback.ui.internal.Notices;
import org.snapback.ui.internal.SessionJob;

/** Rewinds in the background, and shows what the user should know of it. */
public final class Rewinding {

    private Rewinding() {}

    public static void start(Session session, long snapshot) {
        SessionJob.run(new RewindOperation(session, snapshot), Rewinding::show);
    }

    private static void show(RewindReport report) {
        if (report.notes().isEmpty()) {
            Notices.clear();
        } else {
            Notices.inform(new Status(IStatus.INFO, "org.snapback.ui", String.join(" ", report.notes())));
        }
    }
}
