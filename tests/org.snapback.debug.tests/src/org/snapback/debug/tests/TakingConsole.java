// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.tests;

import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.ILaunchesListener;
import org.eclipse.debug.core.model.IFlushableStreamMonitor;
import org.eclipse.debug.core.model.IProcess;

/** Takes the output of each process as the Console view does: the platform keeps none of it from then on. */
final class TakingConsole implements ILaunchesListener {

    @Override
    public void launchesAdded(ILaunch[] launches) {
        take(launches);
    }

    @Override
    public void launchesChanged(ILaunch[] launches) {
        take(launches);
    }

    @Override
    public void launchesRemoved(ILaunch[] launches) {
        // nothing to be given back
    }

    private static void take(ILaunch[] launches) {
        for (ILaunch launch : launches) {
            for (IProcess process : launch.getProcesses()) {
                take((IFlushableStreamMonitor) process.getStreamsProxy().getOutputStreamMonitor());
            }
        }
    }

    private static void take(IFlushableStreamMonitor monitor) {
        monitor.flushContents();
        monitor.setBuffered(false);
    }
}
