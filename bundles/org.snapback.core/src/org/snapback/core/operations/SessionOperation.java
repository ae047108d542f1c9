// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.operations;

import java.time.Duration;
import java.util.function.Consumer;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.OperationCanceledException;
import org.eclipse.core.runtime.SubMonitor;
import org.snapback.core.Session;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;

/**
 * One verb that a session can be asked to do.
 *
 * @param <T> what it gives back
 */
public abstract class SessionOperation<T> {

    /** How long a supervisor may take for work that it does not bound itself. */
    private static final Duration TIMEOUT = Duration.ofMinutes(2);

    private final Session session;

    SessionOperation(Session session) {
        this.session = session;
    }

    /**
     * Asks the supervisor and waits for its answer; never call it on a UI thread. When it returns, the session's model
     * holds the result.
     *
     * @param monitor null is allowed; cancelling it makes the supervisor give the request up
     * @throws OperationCanceledException if it was given up, with nothing changed
     * @throws CoreException see {@link org.snapback.core.Failure}
     */
    public T execute(IProgressMonitor monitor) throws CoreException {
        SubMonitor progress = SubMonitor.convert(monitor, taskName(), IProgressMonitor.UNKNOWN);
        progress.checkCanceled();
        return await(progress);
    }

    T await(SubMonitor progress) throws CoreException {
        return result(session.request(request(), this::learn).await(timeout(), progress));
    }

    /** How long the supervisor may take. */
    Duration timeout() {
        return TIMEOUT;
    }

    /** True when it goes on beside other operations of the session; else they come one after the other. */
    public boolean inBackground() {
        return false;
    }

    public Session session() {
        return session;
    }

    /** For the user: "Taking a snapshot of bank-1". */
    public abstract String taskName();

    abstract Request.Builder request();

    abstract T result(Reply reply);

    /** Takes the reply into the session's model, on its reading thread; see {@link Session#request(Request.Builder, Consumer)}. */
    void learn(Reply reply) {}
}
