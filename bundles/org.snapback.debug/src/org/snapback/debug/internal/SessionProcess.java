// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.Status;
import org.eclipse.debug.core.DebugException;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.model.RuntimeProcess;
import org.snapback.core.Failure;
import org.snapback.core.terminal.PseudoTerminal;
import org.snapback.core.terminal.TerminalProcess;

/**
 * A session's process in the Debug view and the Console view.
 *
 * <p>Ending it ends the whole session: the supervisor does that by itself, nobody else is killed one by one.
 */
final class SessionProcess extends RuntimeProcess {

    private static final long PATIENCE_SECONDS = 5;

    private final TerminalProcess process;

    SessionProcess(ILaunch launch, TerminalProcess process, String label, Map<String, String> attributes) {
        super(launch, process, label, attributes);
        this.process = process;
    }

    /** As the user would type it; the program in front gets SIGINT. */
    void interrupt() throws IOException {
        process.getOutputStream().write(PseudoTerminal.interruptKey());
    }

    /**
     * What a process that has ended has written first. The platform calls it ended, and hands its output to consoles,
     * before all of that has been read.
     */
    String firstOutput() {
        try {
            return process.firstOutput(Duration.ofSeconds(PATIENCE_SECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }

    /** Lets the program end in order; one that does not is ended by force. Blocks. */
    @Override
    public void terminate() throws DebugException {
        try {
            process.destroy();
            if (process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                return;
            }
            process.destroyForcibly();
            if (process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        throw new DebugException(new Status(
                IStatus.ERROR,
                Failure.PLUGIN_ID,
                Failure.TIMEOUT.code(),
                "The session's process " + process.pid() + " does not end. Look for a stuck device or file system.",
                null));
    }
}
