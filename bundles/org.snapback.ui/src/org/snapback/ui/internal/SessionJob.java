// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal;

import java.nio.file.Path;
import java.util.function.Consumer;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.OperationCanceledException;
import org.eclipse.core.runtime.Status;
import org.eclipse.core.runtime.jobs.ISchedulingRule;
import org.eclipse.core.runtime.jobs.Job;
import org.eclipse.swt.widgets.Display;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.progress.IProgressConstants;
import org.snapback.core.Session;
import org.snapback.core.operations.SaveSnapshotOperation;
import org.snapback.core.operations.SessionOperation;

/**
 * Runs an operation of a session in the background, with progress and a cancel: one at a time for each session, but for
 * those that go on beside others.
 *
 * <p>What came of it is told to the user by {@link Notices}; a failure is in the Error Log too.
 *
 * @param <T> what the operation gives back
 */
public final class SessionJob<T> extends Job {

    /** The family of all these jobs. */
    public static final Object FAMILY = SessionJob.class;

    private final SessionOperation<T> operation;
    private final Consumer<T> done;

    private SessionJob(SessionOperation<T> operation, Consumer<T> done) {
        super(operation.taskName());
        this.operation = operation;
        this.done = done;
        setUser(!operation.inBackground());
        setRule(operation.inBackground() ? null : new OneAtATime(operation.session().socket()));
        setProperty(IProgressConstants.NO_IMMEDIATE_ERROR_PROMPT_PROPERTY, Boolean.TRUE);
    }

    public static <T> void run(SessionOperation<T> operation) {
        run(operation, result -> Notices.clear());
    }

    /** @param done takes the result in, on the UI thread */
    public static <T> void run(SessionOperation<T> operation, Consumer<T> done) {
        new SessionJob<>(operation, done).schedule();
    }

    /** True: it writes that snapshot to an image. */
    public boolean saves(Session session, long snapshot) {
        return operation instanceof SaveSnapshotOperation save
                && save.session() == session
                && save.snapshot() == snapshot;
    }

    @Override
    protected IStatus run(IProgressMonitor monitor) {
        try {
            T result = operation.execute(monitor);
            onDisplay(() -> done.accept(result));
            return Status.OK_STATUS;
        } catch (OperationCanceledException e) {
            return Status.CANCEL_STATUS;
        } catch (CoreException e) {
            if (!e.getStatus().matches(IStatus.CANCEL)) {
                onDisplay(() -> Notices.failed(e.getStatus()));
            }
            return e.getStatus();
        }
    }

    private static void onDisplay(Runnable action) {
        Display display = PlatformUI.isWorkbenchRunning() ? PlatformUI.getWorkbench().getDisplay() : null;
        if (display != null && !display.isDisposed()) {
            display.asyncExec(action);
        }
    }

    @Override
    public boolean belongsTo(Object family) {
        return family == FAMILY;
    }

    /** Operations of one session come one after the other, in the order asked for. */
    private record OneAtATime(Path session) implements ISchedulingRule {

        @Override
        public boolean contains(ISchedulingRule rule) {
            return equals(rule);
        }

        @Override
        public boolean isConflicting(ISchedulingRule rule) {
            return equals(rule);
        }
    }
}
