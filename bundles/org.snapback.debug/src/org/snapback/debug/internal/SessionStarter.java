// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.OperationCanceledException;
import org.eclipse.core.runtime.Platform;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.model.IProcess;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.Version;
import org.snapback.core.Failure;
import org.snapback.core.Session;
import org.snapback.core.program.Preflight;
import org.snapback.core.program.SessionConnector;
import org.snapback.core.terminal.TerminalProcess;
import org.snapback.debug.LaunchAttributes;

/** Starts the process of a session within a launch, and waits until the session can be talked to. */
final class SessionStarter {

    private static final Duration START_TIMEOUT = Duration.ofSeconds(30);

    private final ILaunch launch;
    private final Path socket;

    SessionStarter(ILaunch launch, Path socket) {
        this.launch = launch;
        this.socket = socket;
    }

    /** Who we are, for the supervisor's log. */
    static String clientName() {
        Version version = FrameworkUtil.getBundle(SessionStarter.class).getVersion();
        return "eclipse " + version.getMajor() + "." + version.getMinor() + "." + version.getMicro();
    }

    SessionProcess start(List<String> command, LaunchSettings settings, String label) throws CoreException {
        launch.setAttribute(LaunchAttributes.SESSION_SOCKET, socket.toString());
        if (launch.getAttribute(DebugPlugin.ATTR_CONSOLE_ENCODING) == null) {
            launch.setAttribute(
                    DebugPlugin.ATTR_CONSOLE_ENCODING,
                    Platform.getSystemCharset().name());
        }
        TerminalProcess process = TerminalProcess.start(command, settings.environment(), settings.folder());
        Map<String, String> attributes = Map.of(
                IProcess.ATTR_PROCESS_TYPE, "org.snapback.session",
                IProcess.ATTR_CMDLINE, DebugPlugin.renderArguments(command.toArray(String[]::new), null),
                DebugPlugin.ATTR_WORKING_DIRECTORY, settings.folder().toString(),
                DebugPlugin.ATTR_LAUNCH_TIMESTAMP, Long.toString(System.currentTimeMillis()));
        return new SessionProcess(launch, process, label, attributes);
    }

    /**
     * Waits for the session of a process just started.
     *
     * @return empty: the program has done its work and ended meanwhile
     * @throws CoreException if it could not be started; the process has ended then
     */
    Optional<Session> connect(SessionProcess process, IProgressMonitor monitor) throws CoreException {
        try {
            Optional<Session> session = new SessionConnector(clientName())
                    .await(socket, () -> !process.isTerminated(), START_TIMEOUT, monitor);
            if (session.isEmpty()) {
                throwWhatItSaid(process);
            }
            return session;
        } catch (CoreException | OperationCanceledException e) {
            process.terminate();
            throw e;
        }
    }

    private static void throwWhatItSaid(SessionProcess process) throws CoreException {
        Optional<String> error = Preflight.firstError(process.firstOutput());
        if (process.getExitValue() != 0 && error.isPresent()) {
            throw Failure.START_FAILED.exception(error.get());
        }
    }
}
