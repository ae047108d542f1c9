// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.tests;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.debug.core.IStatusHandler;

/** Takes the place of the user interface: keeps the notices that a user would be shown. */
public final class RecordedNotices implements IStatusHandler {

    static final BlockingQueue<IStatus> SHOWN = new LinkedBlockingQueue<>();

    @Override
    public Object handleStatus(IStatus status, Object source) {
        SHOWN.add(status);
        return null;
    }
}
