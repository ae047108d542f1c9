// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug;

import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.ILog;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.Status;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.IStatusHandler;

/**
 * What the user should be told of while a launch goes on; shown by whoever contributes a status handler for
 * {@link #PLUGIN_ID} and the notice's code, else written to the log.
 */
public enum DebugNotice {
    /** A launch that asked for checkpoint control goes on without it; the message says why and what to do. */
    NOT_CONTROLLED(100);

    public static final String PLUGIN_ID = "org.snapback.debug";

    private final int code;

    DebugNotice(int code) {
        this.code = code;
    }

    /** The {@link IStatus} code. */
    public int code() {
        return code;
    }

    /** @param source what it is about: the launch */
    public void show(String text, Throwable cause, Object source) {
        IStatus status = new Status(IStatus.WARNING, PLUGIN_ID, code, text, cause);
        IStatusHandler handler = DebugPlugin.getDefault().getStatusHandler(status);
        if (handler == null) {
            ILog.of(DebugNotice.class).log(status);
            return;
        }
        try {
            handler.handleStatus(status, source);
        } catch (CoreException e) {
            ILog.of(DebugNotice.class).log(status);
        }
    }
}
