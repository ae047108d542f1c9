// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.nio.file.Path;
import java.util.List;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.SubMonitor;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.model.LaunchConfigurationDelegate;
import org.snapback.core.Failure;
import org.snapback.core.program.NativeProgram;
import org.snapback.core.program.Preflight;
import org.snapback.core.program.SessionCommand;
import org.snapback.core.program.SessionSockets;

/** Launches a <em>Snapback Program</em>: a program under checkpoint control, on a terminal of its own. */
public final class ProgramLaunchDelegate extends LaunchConfigurationDelegate {

    @Override
    public void launch(ILaunchConfiguration configuration, String mode, ILaunch launch, IProgressMonitor monitor)
            throws CoreException {
        SubMonitor progress = SubMonitor.convert(monitor, "Starting " + configuration.getName(), 1);
        LaunchSettings settings = LaunchSettings.of(configuration);
        if (settings.program() == null) {
            throw Failure.START_FAILED.exception(
                    "No program is named. Choose one on the Main tab of the launch configuration.");
        }
        Path program = NativeProgram.locate();
        Preflight.check(program);
        String name = settings.program().getFileName().toString();
        Path socket = SessionSockets.free(name);
        List<String> command = SessionCommand.launch(program, socket)
                .rewindFiles(settings.rewindFiles())
                .endOfOptions()
                .words(settings.programCommand())
                .toList();
        SessionStarter starter = new SessionStarter(launch, socket);
        starter.connect(starter.start(command, settings, settings.program().toString()), progress.split(1));
    }
}
