// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.Status;
import org.eclipse.core.runtime.jobs.Job;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunch;
import org.snapback.core.program.SessionConnector;
import org.snapback.debug.DebugNotice;

/** Waits, in the background, for the session of a launch that somebody else starts. */
final class ConnectJob extends Job {

    /** CDT gives gdb half a minute to come up, and has things to do before. */
    private static final Duration TIMEOUT = Duration.ofMinutes(2);

    private final ILaunch launch;
    private final Path socket;

    ConnectJob(ILaunch launch, Path socket) {
        super("Connecting to the session of " + launch.getLaunchConfiguration().getName());
        setSystem(true);
        this.launch = launch;
        this.socket = socket;
    }

    @Override
    protected IStatus run(IProgressMonitor monitor) {
        try {
            new SessionConnector(SessionStarter.clientName()).await(socket, this::isAlive, TIMEOUT, monitor);
            return Status.OK_STATUS;
        } catch (CoreException e) {
            DebugNotice.NOT_CONTROLLED.show(e.getStatus().getMessage(), e, launch);
            return Status.OK_STATUS;
        }
    }

    private boolean isAlive() {
        boolean known = Arrays.asList(DebugPlugin.getDefault().getLaunchManager().getLaunches())
                .contains(launch);
        return known && !launch.isTerminated();
    }
}
