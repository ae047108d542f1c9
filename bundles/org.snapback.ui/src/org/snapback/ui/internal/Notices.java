// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal;

import org.eclipse.core.runtime.IStatus;
import org.eclipse.ui.IWorkbenchPage;
import org.eclipse.ui.IWorkbenchWindow;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.statushandlers.StatusManager;

/**
 * Tells the user what came of a request: in the Snapshots view where that is seen, else a failure in a dialog that
 * blocks nothing. On the UI thread only.
 */
public final class Notices {

    /** A part that can show a notice. */
    public interface Place {

        /** @param status null: nothing any more */
        void show(IStatus status);
    }

    private static final String VIEW = "org.snapback.ui.snapshots";

    private Notices() {}

    public static void failed(IStatus status) {
        Place place = place();
        if (place != null) {
            place.show(status);
        } else {
            StatusManager.getManager().handle(status, StatusManager.SHOW);
        }
    }

    /** Something that is good to know; not worth a dialog. */
    public static void inform(IStatus status) {
        Place place = place();
        if (place != null) {
            place.show(status);
        }
    }

    /** The last request has done its work; what was told before is over. */
    public static void clear() {
        inform(null);
    }

    private static Place place() {
        IWorkbenchWindow window = PlatformUI.getWorkbench().getActiveWorkbenchWindow();
        IWorkbenchPage page = window == null ? null : window.getActivePage();
        return page != null && page.findView(VIEW) instanceof Place place && page.isPartVisible(page.findView(VIEW))
                ? place
                : null;
    }
}
