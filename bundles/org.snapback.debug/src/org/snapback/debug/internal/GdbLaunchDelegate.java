// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.SubMonitor;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.model.LaunchConfigurationDelegate;
import org.snapback.core.program.NativeProgram;
import org.snapback.core.program.Preflight;
import org.snapback.core.program.SessionCommand;
import org.snapback.core.program.SessionSockets;

/** Launches a <em>Snapback GDB Session</em>: gdb under checkpoint control, its console in the Console view. */
public final class GdbLaunchDelegate extends LaunchConfigurationDelegate {

    @Override
    public void launch(ILaunchConfiguration configuration, String mode, ILaunch launch, IProgressMonitor monitor)
            throws CoreException {
        SubMonitor progress = SubMonitor.convert(monitor, "Starting " + configuration.getName(), 1);
        LaunchSettings settings = LaunchSettings.of(configuration);
        String name = settings.program() == null
                ? "gdb"
                : settings.program().getFileName().toString();
        GdbStart start = GdbStart.prepare(launch, settings, name);
        SessionCommand command =
                start.command().auto(settings.auto(), settings.autoCap()).rewindFiles(settings.rewindFiles());
        start.run(command, programWords(settings), progress.split(1));
    }

    private static List<String> programWords(LaunchSettings settings) {
        List<String> words = new ArrayList<>();
        if (settings.program() != null) {
            words.add("--args");
            words.addAll(settings.programCommand());
        }
        return words;
    }
}
