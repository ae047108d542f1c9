// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.control;

import org.eclipse.jdt.annotation.Nullable;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.OperationCanceledException;
import org.snapback.core.Failure;
import org.snapback.core.Sentence;
import org.snapback.core.protocol.Error;
import org.snapback.core.protocol.Reply;

/** A request that was sent and whose answer is still out; completed once, by the connection that made it. */
public final class PendingReply {

    /** How often a waiting thread looks whether the user has pressed Cancel. */
    private static final long CANCEL_CHECK_MS = 50;

    /** How long a supervisor may take to answer a request that was cancelled. */
    private static final Duration CANCEL_TIMEOUT = Duration.ofSeconds(10);

    private final ControlClient client;
    private final long id;
    private final Consumer<Reply> first;
    private final CompletableFuture<Reply> future = new CompletableFuture<>();

    PendingReply(ControlClient client, long id, Consumer<Reply> first) {
        this.client = client;
        this.id = id;
        this.first = first;
    }

    /** Completed with a successful reply, or exceptionally with a CoreException. */
    public CompletableFuture<Reply> future() {
        return future;
    }

    /**
     * Waits for the reply. When the monitor is cancelled, the supervisor is asked to give the request up; what it
     * answers then counts, because the request may have been carried out already.
     *
     * @throws OperationCanceledException if the request was given up
     * @throws CoreException as the supervisor refused; TIMEOUT; DISCONNECTED
     */
    public Reply await(Duration timeout, IProgressMonitor monitor) throws CoreException {
        long deadline = System.nanoTime() + timeout.toNanos();
        boolean cancelled = false;
        while (true) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                throw timedOut();
            }
            if (!cancelled && monitor.isCanceled()) {
                cancelled = true;
                client.cancel(id);
                deadline = System.nanoTime() + CANCEL_TIMEOUT.toNanos();
            }
            Reply reply = poll(Math.min(left, TimeUnit.MILLISECONDS.toNanos(CANCEL_CHECK_MS)));
            if (reply != null) {
                return reply;
            }
        }
    }

    /** Null: not there yet. */
    private @Nullable Reply poll(long nanos) throws CoreException {
        try {
            return future.get(nanos, TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            client.cancel(id);
            throw new OperationCanceledException();
        } catch (ExecutionException e) {
            throw failure(e.getCause());
        }
    }

    private static CoreException failure(Throwable cause) {
        if (cause instanceof CoreException known) {
            if (Failure.CANCELLED.isToldBy(known.getStatus())) {
                throw new OperationCanceledException(known.getStatus().getMessage());
            }
            return known;
        }
        return Failure.FAILED.exception("The reply could not be taken in: " + cause, cause);
    }

    private CoreException timedOut() {
        client.forget(id);
        return Failure.TIMEOUT.exception("The session at " + client.path()
                + " did not answer in time; it may be very busy. Try again, or terminate it.");
    }

    /** On the reading thread. */
    void complete(Reply reply) {
        if (reply.hasError()) {
            fail(failure(reply.getError()));
            return;
        }
        try {
            first.accept(reply);
            future.complete(reply);
        } catch (RuntimeException e) {
            future.completeExceptionally(e);
        }
    }

    void fail(CoreException e) {
        future.completeExceptionally(e);
    }

    private static CoreException failure(Error error) {
        Failure failure = Failure.of(error.getCodeValue()).orElse(Failure.FAILED);
        return failure.exception(error.getText().isEmpty() ? "The supervisor gave no reason." : Sentence.of(error.getText()));
    }
}
