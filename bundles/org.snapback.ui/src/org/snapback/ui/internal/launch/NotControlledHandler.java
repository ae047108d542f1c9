// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.launch;

import org.eclipse.core.runtime.ILog;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.debug.core.IStatusHandler;
import org.eclipse.ui.PlatformUI;
import org.snapback.ui.internal.Notices;

/** Says that a launch goes on without the checkpoint control it asked for, and why; the launch does not wait for it. */
public final class NotControlledHandler implements IStatusHandler {

    @Override
    public Object handleStatus(IStatus status, Object source) {
        ILog.of(NotControlledHandler.class).log(status);
        PlatformUI.getWorkbench().getDisplay().asyncExec(() -> Notices.failed(status));
        return null;
    }
}
