// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchManager;
import org.eclipse.debug.core.ILaunchesListener2;
import org.snapback.core.program.NativeProgram;
import org.snapback.core.program.Preflight;
import org.snapback.core.program.SessionSockets;
import org.snapback.debug.DebugNotice;
import org.snapback.debug.LaunchAttributes;

/**
 * Puts {@code snapback gdb} in the place of gdb in those launches of CDT's whose configuration asks for it.
 *
 * <p>A launch is added before CDT first asks for its gdb. All that is changed is an attribute of the launch, where CDT
 * looks first; the configuration stays as the user saved it.
 */
public final class CdtLaunchListener implements ILaunchesListener2 {

    private final Set<ILaunch> controlled = ConcurrentHashMap.newKeySet();
    private final CdtAutoTerminate autoTerminate = new CdtAutoTerminate();

    @Override
    public void launchesAdded(ILaunch[] launches) {
        for (ILaunch launch : launches) {
            try {
                optIn(launch);
            } catch (CoreException e) {
                notControlled(launch, e.getStatus().getMessage(), e);
            }
        }
    }

    private void optIn(ILaunch launch) throws CoreException {
        ILaunchConfiguration configuration = launch.getLaunchConfiguration();
        if (configuration == null || !ILaunchManager.DEBUG_MODE.equals(launch.getLaunchMode())) {
            return;
        }
        CdtLaunchType type =
                CdtLaunchType.of(configuration.getType().getIdentifier()).orElse(null);
        if (type == null || !configuration.getAttribute(LaunchAttributes.ENABLED, false)) {
            return;
        }
        if (type.refusal().isPresent()) {
            notControlled(launch, type.refusal().get(), null);
            return;
        }
        control(launch, CdtGdbCommand.of(configuration, type));
    }

    private void control(ILaunch launch, CdtGdbCommand gdb) throws CoreException {
        Path program = NativeProgram.locate();
        Preflight.check(program);
        Path socket = SessionSockets.free(launch.getLaunchConfiguration().getName());
        launch.setAttribute(LaunchAttributes.SESSION_SOCKET, socket.toString());
        launch.setAttribute(Cdt.GDB_COMMAND, gdb.wrapped(program, socket));
        if (controlled.add(launch)) {
            autoTerminate.hold();
        }
        new ConnectJob(launch, socket).schedule();
    }

    private static void notControlled(ILaunch launch, String why, Throwable cause) {
        DebugNotice.NOT_CONTROLLED.show(
                launch.getLaunchConfiguration().getName() + " runs without checkpoint control. " + why, cause, launch);
    }

    @Override
    public void launchesTerminated(ILaunch[] launches) {
        release(launches);
    }

    @Override
    public void launchesRemoved(ILaunch[] launches) {
        release(launches);
    }

    private void release(ILaunch[] launches) {
        for (ILaunch launch : launches) {
            if (controlled.remove(launch)) {
                autoTerminate.release();
            }
        }
    }

    @Override
    public void launchesChanged(ILaunch[] launches) {
        // a launch is opted in once, when it is added
    }
}
