// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.ILog;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.NullProgressMonitor;
import org.snapback.core.control.ControlClient;
import org.snapback.core.control.ControlListener;
import org.snapback.core.control.Messages;
import org.snapback.core.control.PendingReply;
import org.snapback.core.protocol.DeleteReport;
import org.snapback.core.protocol.Event;
import org.snapback.core.protocol.ListRequest;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;
import org.snapback.core.protocol.StatusRequest;
import org.snapback.core.protocol.SubscribeRequest;

/**
 * A session as this process knows it: a model of its snapshots and its state that the supervisor's events keep right.
 *
 * <p>All queries answer at once, from any thread. What a session can be asked to do is in
 * {@code org.snapback.core.operations}. A session that has ended stays readable: it has no snapshots any more and its
 * state is {@link SessionState#ENDED}.
 */
public final class Session implements AutoCloseable {

    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(10);

    private final Path socket;
    private final SessionModel model = new SessionModel();
    private final List<SessionListener> listeners = new CopyOnWriteArrayList<>();
    private final ControlClient client;

    private Session(Path socket, String name) throws CoreException {
        this.socket = socket;
        this.client = ControlClient.connect(socket, name, new Events());
    }

    /**
     * Connects to the supervisor that listens there; blocks until the model is complete.
     *
     * @param socket the control socket
     * @param client who we are, for the supervisor's log: "eclipse 0.1.0"
     * @throws CoreException with DISCONNECTED, FOREIGN_SOCKET, PROTOCOL_VERSION, PROTOCOL_VIOLATION or TIMEOUT
     */
    public static Session connect(Path socket, String client) throws CoreException {
        Session session = new Session(socket, client);
        try {
            session.load();
            return session;
        } catch (CoreException | RuntimeException e) {
            session.close();
            throw e;
        }
    }

    /** Subscribes first, so that nothing that happens while the list is fetched is missed. */
    private void load() throws CoreException {
        SubscribeRequest subscribe = SubscribeRequest.getDefaultInstance();
        client.call(Request.newBuilder().setSubscribe(subscribe), ANSWER_TIMEOUT);
        Request.Builder status = Request.newBuilder().setStatus(StatusRequest.getDefaultInstance());
        await(request(status, reply -> model.load(Messages.status(reply.getStatus()))));
        Request.Builder list = Request.newBuilder().setList(ListRequest.getDefaultInstance());
        await(request(list, reply -> model.load(
                reply.getList().getSnapshotList().stream().map(Messages::snapshot).toList(),
                reply.getList().getCurrentSnapshot())));
    }

    private static void await(PendingReply reply) throws CoreException {
        reply.await(ANSWER_TIMEOUT, new NullProgressMonitor());
    }

    /** What the user calls it; unique among the user's sessions at any time. */
    public String name() {
        return client.welcome().getSession();
    }

    /** The control socket: what tells one session from another. */
    public Path socket() {
        return socket;
    }

    public SessionKind kind() {
        return model.kind();
    }

    public SessionState state() {
        return model.state();
    }

    /** False once the session has ended, or its supervisor cannot be reached any more. */
    public boolean isOpen() {
        return state() != SessionState.ENDED;
    }

    /** The snapshots in the order taken; a copy that never changes. */
    public List<Snapshot> snapshots() {
        return model.snapshots();
    }

    public Optional<Snapshot> snapshot(long id) {
        return snapshots().stream().filter(s -> s.id() == id).findFirst();
    }

    /** The last one taken. */
    public Optional<Snapshot> lastSnapshot() {
        List<Snapshot> all = snapshots();
        return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
    }

    /** How far the saving of that snapshot has come; empty: it is not being saved, or nothing is known yet. */
    public Optional<SaveProgress> saving(long snapshot) {
        return model.saving(snapshot);
    }

    /** The snapshot that the present descends from; 0: none. */
    public long currentSnapshot() {
        return model.current();
    }

    public AutoSettings auto() {
        return model.auto();
    }

    /** Asks the supervisor for all facts of the session; blocks. */
    public SessionStatus status() throws CoreException {
        Request.Builder request = Request.newBuilder().setStatus(StatusRequest.getDefaultInstance());
        return Messages.status(client.call(request, ANSWER_TIMEOUT).getStatus());
    }

    public void addListener(SessionListener listener) {
        listeners.add(listener);
    }

    public void removeListener(SessionListener listener) {
        listeners.remove(listener);
    }

    /**
     * Sends a request of an operation.
     *
     * @param first takes the successful reply in on the reading thread, in order with the events
     */
    public PendingReply request(Request.Builder request, Consumer<Reply> first) {
        return client.send(request, first);
    }

    /** Takes in what a reply told, before its event came; on the reading thread. */
    public void learn(org.snapback.core.protocol.Snapshot snapshot) {
        model.put(Messages.snapshot(snapshot)).ifPresent(this::tell);
    }

    /** As {@link #learn(org.snapback.core.protocol.Snapshot)}. */
    public void learn(org.snapback.core.protocol.AutoSettings auto) {
        model.auto(Messages.auto(auto)).ifPresent(this::tell);
    }

    /** As {@link #learn(org.snapback.core.protocol.Snapshot)}. */
    public void learn(org.snapback.core.protocol.RewindReport rewind) {
        model.rewound(Messages.rewind(rewind)).ifPresent(this::tell);
    }

    /** As {@link #learn(org.snapback.core.protocol.Snapshot)}. */
    public void forget(DeleteReport deleted) {
        model.delete(deleted.getSnapshotList()).ifPresent(this::tell);
    }

    /** Stops following the session; the session itself goes on. */
    @Override
    public void close() {
        client.close();
    }

    private void tell(SessionChange change) {
        for (SessionListener listener : listeners) {
            try {
                listener.sessionChanged(this, change);
            } catch (RuntimeException | LinkageError e) {
                ILog.of(Session.class).error("A listener of the session " + name() + " failed on " + change, e);
            }
        }
    }

    /** Takes the supervisor's events into the model, on the reading thread. */
    private final class Events implements ControlListener {

        @Override
        public void event(Event event) {
            model.take(event).ifPresent(Session.this::tell);
        }

        @Override
        public void closed(IStatus reason) {
            if (!reason.isOK()) {
                ILog.of(Session.class).log(reason);
            }
            model.end(-1, 0).ifPresent(Session.this::tell);
        }
    }

    @Override
    public String toString() {
        return "Session " + socket + " " + state();
    }
}
