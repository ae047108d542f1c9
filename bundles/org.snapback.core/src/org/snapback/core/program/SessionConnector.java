// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.program;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.OperationCanceledException;
import org.snapback.core.Failure;
import org.snapback.core.Session;
import org.snapback.core.Sessions;

/** Waits for a session that is being started and follows it from then on. */
public final class SessionConnector {

    private static final long RETRY_MS = 20;

    private final String client;

    /** @param client who we are, for the supervisor's log: "eclipse 0.1.0" */
    public SessionConnector(String client) {
        this.client = client;
    }

    /**
     * Tries until the supervisor answers.
     *
     * @param socket where it will listen
     * @param alive false: it will never come, because what starts it has ended
     * @return empty: it is not alive any more
     * @throws CoreException TIMEOUT, or why a supervisor that is there cannot be talked to
     * @throws OperationCanceledException if the monitor is cancelled
     */
    public Optional<Session> await(Path socket, BooleanSupplier alive, Duration timeout, IProgressMonitor monitor)
            throws CoreException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (true) {
            boolean wasAlive = alive.getAsBoolean();
            try {
                return Optional.of(Sessions.get().open(socket, client));
            } catch (CoreException e) {
                throwUnlessAbsent(e);
            }
            if (!wasAlive) {
                return Optional.empty();
            }
            if (System.nanoTime() > deadline) {
                throw Failure.TIMEOUT.exception("The session at " + socket + " did not come up within "
                        + timeout.toSeconds() + " seconds. Look at its console for the reason.");
            }
            pause(monitor);
        }
    }

    /** Until the supervisor listens, there is nothing to connect to, or nobody who accepts. */
    private static void throwUnlessAbsent(CoreException e) throws CoreException {
        if (!Failure.DISCONNECTED.isToldBy(e.getStatus())) {
            throw e;
        }
    }

    private static void pause(IProgressMonitor monitor) {
        if (monitor.isCanceled()) {
            throw new OperationCanceledException();
        }
        try {
            Thread.sleep(RETRY_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new OperationCanceledException();
        }
    }
}
