// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.SubMonitor;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchManager;
import org.eclipse.debug.core.model.LaunchConfigurationDelegate;
import org.snapback.core.Failure;
import org.snapback.core.image.ImageFacts;
import org.snapback.core.image.ImageFile;
import org.snapback.core.program.SessionCommand;
import org.snapback.debug.ImageLaunches;

/**
 * Launches a <em>Snapback Image</em>: to debug it, its program is restored, stopped, with gdb attached to it; to run it,
 * the program goes on. An image that holds gdb itself has gdb go on where it was, in either mode.
 */
public final class ImageLaunchDelegate extends LaunchConfigurationDelegate {

    @Override
    public void launch(ILaunchConfiguration configuration, String mode, ILaunch launch, IProgressMonitor monitor)
            throws CoreException {
        SubMonitor progress = SubMonitor.convert(monitor, "Starting " + configuration.getName(), 1);
        LaunchSettings settings = LaunchSettings.of(configuration);
        Path file = LaunchSettings.image(configuration);
        ImageFacts facts = read(file);
        GdbStart start = GdbStart.prepare(launch, settings, ImageLaunches.programName(facts));
        if (facts.withDebugger() || ILaunchManager.RUN_MODE.equals(mode)) {
            restart(start, file, facts, progress.split(1));
        } else {
            SessionCommand command = start.command()
                    .image(file)
                    .auto(settings.auto(), settings.autoCap())
                    .rewindFiles(settings.rewindFiles());
            start.run(command, List.of(), progress.split(1));
        }
    }

    private static void restart(GdbStart start, Path file, ImageFacts facts, IProgressMonitor monitor)
            throws CoreException {
        List<String> command = SessionCommand.restart(start.program(), start.socket(), file)
                .rewindFiles(start.settings().rewindFiles())
                .toList();
        if (facts.withDebugger()) {
            start.runGdb(command, monitor);
        } else {
            SessionStarter starter = new SessionStarter(start.launch(), start.socket());
            starter.connect(starter.start(command, start.settings(), start.name()), monitor);
        }
    }

    /** The native program reads it again and judges it more strictly; this tells of the plain mistakes early. */
    private static ImageFacts read(Path file) throws CoreException {
        try {
            return ImageFile.read(file).facts();
        } catch (IOException e) {
            throw Failure.IMAGE.exception("The image cannot be used: " + e.getMessage(), e);
        }
    }
}
