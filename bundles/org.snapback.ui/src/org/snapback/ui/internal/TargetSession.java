// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.debug.ui.DebugUITools;
import org.eclipse.swt.widgets.Display;
import org.eclipse.ui.PlatformUI;
import org.snapback.core.Session;
import org.snapback.core.SessionListener;
import org.snapback.core.Sessions;
import org.snapback.debug.DebugSessions;

/**
 * The session that the buttons and the Snapshots view act on: the one of what is selected in the Debug view, else the
 * only living one.
 *
 * <p>Lives from its first use to the end of the workbench; on the UI thread only. However many changes come at once,
 * its listeners are told once.
 */
public final class TargetSession {

    private static TargetSession instance;

    private final Display display = PlatformUI.getWorkbench().getDisplay();
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
    private final AtomicBoolean updating = new AtomicBoolean();
    private final SessionListener changes = (session, change) -> changed();
    private Session session;

    private TargetSession() {
        Sessions.get().addListener(new Sessions.Listener() {
            @Override
            public void sessionOpened(Session opened) {
                changed();
            }

            @Override
            public void sessionClosed(Session closed) {
                changed();
            }
        });
        DebugUITools.getDebugContextManager().addDebugContextListener(event -> changed());
        changed();
    }

    public static TargetSession get() {
        if (instance == null) {
            instance = new TargetSession();
            SessionVariables.follow(instance);
        }
        return instance;
    }

    public Optional<Session> session() {
        return Optional.ofNullable(session);
    }

    /** @param listener told on the UI thread of another session, or of a change within the session */
    public void addListener(Runnable listener) {
        listeners.add(listener);
    }

    public void removeListener(Runnable listener) {
        listeners.remove(listener);
    }

    /** On any thread. */
    private void changed() {
        if (!display.isDisposed() && updating.compareAndSet(false, true)) {
            display.asyncExec(this::update);
        }
    }

    private void update() {
        updating.set(false);
        if (!PlatformUI.isWorkbenchRunning() || PlatformUI.getWorkbench().isClosing()) {
            return;
        }
        Session found = choose();
        if (!Objects.equals(found, session)) {
            if (session != null) {
                session.removeListener(changes);
            }
            session = found;
            if (session != null) {
                session.addListener(changes);
            }
        }
        listeners.forEach(Runnable::run);
    }

    private static Session choose() {
        return DebugSessions.find(DebugUITools.getDebugContext()).orElseGet(() -> {
            List<Session> all = Sessions.get().all();
            return all.size() == 1 ? all.get(0) : null;
        });
    }
}
