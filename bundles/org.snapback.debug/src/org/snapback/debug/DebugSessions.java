// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.eclipse.core.runtime.Adapters;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunch;
import org.snapback.core.Session;
import org.snapback.core.Sessions;

/** Which session belongs to what is selected in the Debug view, and the other way round. */
public final class DebugSessions {

    private DebugSessions() {}

    /**
     * The living session of a launch, a process, a debug element, or whatever else adapts to one or to its launch.
     *
     * @param element null is allowed
     */
    public static Optional<Session> find(Object element) {
        Session session = Adapters.adapt(element, Session.class);
        if (session != null) {
            return Optional.of(session);
        }
        return Optional.ofNullable(Adapters.adapt(element, ILaunch.class)).flatMap(DebugSessions::of);
    }

    /** The living session of that launch. */
    public static Optional<Session> of(ILaunch launch) {
        String socket = launch.getAttribute(LaunchAttributes.SESSION_SOCKET);
        return socket == null ? Optional.empty() : Sessions.get().find(Path.of(socket));
    }

    /** The launch that a session was started by; empty: it was started elsewhere, or the launch has been removed. */
    public static Optional<ILaunch> launchOf(Session session) {
        String socket = session.socket().toString();
        return Arrays.stream(DebugPlugin.getDefault().getLaunchManager().getLaunches())
                .filter(launch -> socket.equals(launch.getAttribute(LaunchAttributes.SESSION_SOCKET)))
                .findFirst();
    }
}
