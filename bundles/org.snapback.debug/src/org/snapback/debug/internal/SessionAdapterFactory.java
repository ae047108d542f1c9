// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import org.eclipse.core.runtime.IAdapterFactory;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.model.IDebugElement;
import org.eclipse.debug.core.model.IProcess;
import org.snapback.core.Session;
import org.snapback.debug.DebugSessions;

/** Makes launches, processes and debug elements adapt to the session they belong to. */
public final class SessionAdapterFactory implements IAdapterFactory {

    @Override
    public <T> T getAdapter(Object element, Class<T> type) {
        ILaunch launch = launchOf(element);
        return launch == null || type != Session.class
                ? null
                : type.cast(DebugSessions.of(launch).orElse(null));
    }

    private static ILaunch launchOf(Object element) {
        if (element instanceof ILaunch launch) {
            return launch;
        }
        if (element instanceof IProcess process) {
            return process.getLaunch();
        }
        return element instanceof IDebugElement debugElement ? debugElement.getLaunch() : null;
    }

    @Override
    public Class<?>[] getAdapterList() {
        return new Class<?>[] {Session.class};
    }
}
