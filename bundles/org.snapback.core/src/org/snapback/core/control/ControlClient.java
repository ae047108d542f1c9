// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.control;

import org.eclipse.jdt.annotation.Nullable;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.NullProgressMonitor;
import org.eclipse.core.runtime.Status;
import org.snapback.core.Failure;
import org.snapback.core.protocol.CancelRequest;
import org.snapback.core.protocol.Hello;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;
import org.snapback.core.protocol.ServerMessage;
import org.snapback.core.protocol.Welcome;

/**
 * One connection to a supervisor's control socket.
 *
 * <p>Any thread may send; one thread of its own reads, completes the replies and calls the listener. A peer that
 * breaks the protocol is disconnected. Every request is completed at the latest when the connection ends.
 */
public final class ControlClient implements AutoCloseable {

    public static final int PROTOCOL = 1;

    private static final Duration HELLO_TIMEOUT = Duration.ofSeconds(5);

    private final SocketChannel channel;
    private final Path path;
    private final ControlListener listener;
    private final Map<Long, PendingReply> pending = new ConcurrentHashMap<>();
    private final AtomicLong lastId = new AtomicLong();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final Object writing = new Object();
    private Welcome welcome = Welcome.getDefaultInstance();

    private ControlClient(SocketChannel channel, Path path, ControlListener listener) {
        this.channel = channel;
        this.path = path;
        this.listener = listener;
    }

    /**
     * Connects and says hello; blocks until the supervisor has answered.
     *
     * @param client who we are, for the supervisor's log: "eclipse 0.1.0"
     * @throws CoreException with DISCONNECTED, FOREIGN_SOCKET, PROTOCOL_VERSION or TIMEOUT
     */
    public static ControlClient connect(Path socket, String client, ControlListener listener) throws CoreException {
        ControlClient connection = new ControlClient(ControlSocket.open(socket), socket, listener);
        Thread reader = new Thread(connection::read, "Snapback control " + socket.getFileName());
        reader.setDaemon(true);
        reader.start();
        try {
            Hello hello = Hello.newBuilder().setProtocol(PROTOCOL).setClient(client).build();
            Reply reply = connection.call(Request.newBuilder().setHello(hello), HELLO_TIMEOUT);
            connection.accept(reply.getWelcome());
            return connection;
        } catch (CoreException | RuntimeException e) {
            connection.close();
            throw e;
        }
    }

    private void accept(Welcome greeting) throws CoreException {
        if (greeting.getProtocol() != PROTOCOL) {
            throw Failure.PROTOCOL_VERSION.exception("The session at " + path + " speaks version "
                    + greeting.getProtocol() + " of the control protocol, this Eclipse speaks " + PROTOCOL
                    + ". Use the same version of Snapback on both sides.");
        }
        welcome = greeting;
    }

    /** What the supervisor said of itself. */
    public Welcome welcome() {
        return welcome;
    }

    public boolean isOpen() {
        return !closed.get();
    }

    /** Sends a request whose reply is of use to nobody but the caller; see {@link #send(Request.Builder, Consumer)}. */
    public PendingReply send(Request.Builder request) {
        return send(request, reply -> {});
    }

    /**
     * Sends a request; does not wait for the answer.
     *
     * @param request without its id, which is given here
     * @param first called with a successful reply on the reading thread, in order with the events, before anyone who
     *     waits is told
     * @return completed by the reply, or with a CoreException
     */
    public PendingReply send(Request.Builder request, Consumer<Reply> first) {
        long id = lastId.incrementAndGet();
        PendingReply reply = new PendingReply(this, id, first);
        pending.put(id, reply);
        try {
            synchronized (writing) {
                Frames.write(channel, request.setId(id).build());
            }
        } catch (Frames.FrameException e) {
            pending.remove(id);
            reply.fail(Failure.BAD_REQUEST.exception("The request cannot be sent: " + e.getMessage() + ".", e));
        } catch (IOException e) {
            pending.remove(id);
            reply.fail(disconnected(e));
        }
        if (closed.get() && pending.remove(id) != null) {
            reply.fail(disconnected(null));
        }
        return reply;
    }

    /** Sends a request and waits for its reply. @throws CoreException as the supervisor refused, or TIMEOUT */
    public Reply call(Request.Builder request, Duration timeout) throws CoreException {
        return send(request).await(timeout, new NullProgressMonitor());
    }

    CompletableFuture<Reply> cancel(long id) {
        CancelRequest cancel = CancelRequest.newBuilder().setRequest(id).build();
        return send(Request.newBuilder().setCancel(cancel)).future();
    }

    Path path() {
        return path;
    }

    void forget(long id) {
        pending.remove(id);
    }

    private void read() {
        IStatus reason;
        try {
            for (ByteBuffer frame = Frames.read(channel); frame != null; frame = Frames.read(channel)) {
                take(ServerMessage.parseFrom(frame));
            }
            reason = Status.OK_STATUS;
        } catch (ClosedChannelException e) {
            reason = Status.OK_STATUS;
        } catch (Frames.FrameException | InvalidProtocolBufferException e) {
            reason = violation(e.getMessage(), e);
        } catch (CoreException e) {
            reason = e.getStatus();
        } catch (IOException e) {
            reason = disconnected(e).getStatus();
        } catch (RuntimeException e) {
            reason = Failure.FAILED
                    .exception("The messages of the session at " + path + " could not be taken in: " + e, e)
                    .getStatus();
        }
        finish(reason);
    }

    private void take(ServerMessage message) throws CoreException {
        switch (message.getKindCase()) {
            case REPLY -> answer(message.getReply());
            case EVENT -> listener.event(message.getEvent());
            case KIND_NOT_SET -> {} // a kind newer than this client
        }
    }

    private void answer(Reply reply) throws CoreException {
        PendingReply waiting = pending.remove(reply.getId());
        if (waiting != null) {
            waiting.complete(reply);
        } else if (Long.compareUnsigned(reply.getId(), lastId.get()) > 0 || reply.getId() == 0) {
            throw new CoreException(violation("it answered a request that was never made", null));
        }
    }

    private IStatus violation(String what, @Nullable Throwable cause) {
        return Failure.PROTOCOL_VIOLATION
                .exception(
                        "The session at " + path + " broke the control protocol (" + what
                                + "); the connection was closed. Use the same version of Snapback on both sides.",
                        cause)
                .getStatus();
    }

    private CoreException disconnected(@Nullable Throwable cause) {
        return Failure.DISCONNECTED.exception(
                "The session at " + path + " has ended; start the program again.", cause);
    }

    private void finish(IStatus reason) {
        closed.set(true);
        ControlSocket.closeQuietly(channel);
        CoreException failure = reason.isOK() ? disconnected(null) : new CoreException(reason);
        for (Long id : pending.keySet()) {
            PendingReply waiting = pending.remove(id);
            if (waiting != null) {
                waiting.fail(failure);
            }
        }
        listener.closed(reason);
    }

    /** Ends the connection; the session goes on. */
    @Override
    public void close() {
        ControlSocket.closeQuietly(channel);
    }
}
