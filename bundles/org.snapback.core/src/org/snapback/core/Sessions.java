// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.ILog;

/** The sessions that this process follows, each from its connection until its end; thread-safe. */
public final class Sessions {

    /** Hears of sessions that come and go; called on the thread that found out. */
    public interface Listener {

        void sessionOpened(Session session);

        /** The session has ended and is not in {@link Sessions#all()} any more. */
        void sessionClosed(Session session);
    }

    private static final Sessions INSTANCE = new Sessions();

    private final Map<Path, Session> open = new ConcurrentHashMap<>();
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();

    private Sessions() {}

    public static Sessions get() {
        return INSTANCE;
    }

    /** In no particular order. */
    public List<Session> all() {
        return List.copyOf(open.values());
    }

    public Optional<Session> find(Path socket) {
        return Optional.ofNullable(open.get(socket));
    }

    /**
     * Connects to a session and follows it until it ends; blocks as {@link Session#connect} does.
     *
     * @return the one that is followed already, if there is one
     */
    public Session open(Path socket, String client) throws CoreException {
        Session known = open.get(socket);
        if (known != null) {
            return known;
        }
        Session session = Session.connect(socket, client);
        Session other = open.putIfAbsent(socket, session);
        if (other != null) {
            session.close();
            return other;
        }
        listeners.forEach(l -> tell(() -> l.sessionOpened(session)));
        session.addListener((s, change) -> {
            if (change instanceof SessionChange.Ended) {
                close(s);
            }
        });
        if (!session.isOpen()) {
            close(session);
        }
        return session;
    }

    private void close(Session session) {
        if (open.remove(session.socket(), session)) {
            listeners.forEach(l -> tell(() -> l.sessionClosed(session)));
            session.close();
        }
    }

    public void addListener(Listener listener) {
        listeners.add(listener);
    }

    public void removeListener(Listener listener) {
        listeners.remove(listener);
    }

    private static void tell(Runnable notification) {
        try {
            notification.run();
        } catch (RuntimeException | LinkageError e) {
            ILog.of(Sessions.class).error("A listener for sessions failed", e);
        }
    }
}
