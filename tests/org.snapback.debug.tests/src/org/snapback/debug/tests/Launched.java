// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.tests;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.NullProgressMonitor;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.IDebugEventSetListener;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.ILaunchConfigurationWorkingCopy;
import org.eclipse.debug.core.IStreamListener;
import org.eclipse.debug.core.model.IProcess;
import org.snapback.core.Failure;
import org.snapback.core.Session;
import org.snapback.core.SessionListener;
import org.snapback.core.SessionState;
import org.snapback.core.Sessions;
import org.snapback.core.operations.KillSessionOperation;
import org.snapback.debug.DebugSessions;

/** One launch as a user has it before him: what its console shows, what he types, how its session stands. */
final class Launched implements AutoCloseable {

    private static final int DEADLINE_SECONDS = 30;

    private final ILaunch launch;

    Launched(String type, String mode, Settings settings) throws CoreException {
        ILaunchConfigurationWorkingCopy configuration = configuration(type);
        settings.apply(configuration);
        launch = configuration.launch(mode, new NullProgressMonitor());
    }

    /** What a test sets in the launch configuration. */
    interface Settings {
        void apply(ILaunchConfigurationWorkingCopy configuration) throws CoreException;
    }

    private static ILaunchConfigurationWorkingCopy configuration(String type) throws CoreException {
        return DebugPlugin.getDefault()
                .getLaunchManager()
                .getLaunchConfigurationType(type)
                .newInstance(null, "test " + type);
    }

    ILaunch launch() {
        return launch;
    }

    IProcess process() {
        return launch.getProcesses()[0];
    }

    Session session() {
        return DebugSessions.of(launch).orElseThrow();
    }

    String output() {
        return process().getStreamsProxy().getOutputStreamMonitor().getContents();
    }

    void type(String text) throws IOException {
        process().getStreamsProxy().write(text);
    }

    /** Waits until the console shows that text after a position; gives the position behind it. */
    int awaitOutput(int from, String text) throws InterruptedException {
        IStreamListener[] registered = new IStreamListener[1];
        await(
                () -> output().indexOf(text, from) >= 0,
                check -> {
                    registered[0] = (more, monitor) -> check.run();
                    process().getStreamsProxy().getOutputStreamMonitor().addListener(registered[0]);
                },
                () -> process().getStreamsProxy().getOutputStreamMonitor().removeListener(registered[0]),
                () -> "\"" + text + "\" in the console, which shows:\n" + output());
        return output().indexOf(text, from) + text.length();
    }

    void awaitState(SessionState state) throws InterruptedException {
        Session session = session();
        SessionListener[] registered = new SessionListener[1];
        await(
                () -> session.state() == state,
                check -> {
                    registered[0] = (s, change) -> check.run();
                    session.addListener(registered[0]);
                },
                () -> session.removeListener(registered[0]),
                () -> state + ", it is " + session.state() + "; the console shows:\n" + output());
    }

    /** Waits for the end; gives the exit value. */
    int awaitEnd() throws InterruptedException, CoreException {
        IProcess process = process();
        IDebugEventSetListener[] registered = new IDebugEventSetListener[1];
        await(
                process::isTerminated,
                check -> {
                    registered[0] = events -> check.run();
                    DebugPlugin.getDefault().addDebugEventListener(registered[0]);
                },
                () -> DebugPlugin.getDefault().removeDebugEventListener(registered[0]),
                () -> "the end; the console shows:\n" + output());
        return process.getExitValue();
    }

    /** Waits until the session is no longer followed: that comes by another way than the end of the process. */
    void awaitNoSession() throws InterruptedException {
        Sessions.Listener[] registered = new Sessions.Listener[1];
        await(
                () -> DebugSessions.of(launch).isEmpty(),
                check -> {
                    registered[0] = new Sessions.Listener() {
                        @Override
                        public void sessionOpened(Session session) {
                            check.run();
                        }

                        @Override
                        public void sessionClosed(Session session) {
                            check.run();
                        }
                    };
                    Sessions.get().addListener(registered[0]);
                },
                () -> Sessions.get().removeListener(registered[0]),
                () -> "the end of the session");
    }

    /** Where a condition's changes are heard of. */
    private interface Subscription {
        void subscribe(Runnable check);
    }

    private static void await(
            BooleanSupplier condition, Subscription subscription, Runnable unsubscribe, Supplier<String> what)
            throws InterruptedException {
        CompletableFuture<Void> done = new CompletableFuture<>();
        Runnable check = () -> {
            if (condition.getAsBoolean()) {
                done.complete(null);
            }
        };
        subscription.subscribe(check);
        try {
            check.run();
            done.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException | ExecutionException e) {
            assertTrue(condition.getAsBoolean(), () -> "waited in vain for " + what.get());
        } finally {
            unsubscribe.run();
        }
    }

    /** Leaves nothing behind, also after a failed test whose gdb may be stuck. */
    @Override
    public void close() throws CoreException {
        Session session = DebugSessions.of(launch).orElse(null);
        try {
            for (IProcess process : launch.getProcesses()) {
                if (!process.isTerminated()) {
                    process.terminate();
                }
            }
        } finally {
            endIfOpen(session);
            DebugPlugin.getDefault().getLaunchManager().removeLaunch(launch);
        }
    }

    private static void endIfOpen(Session session) throws CoreException {
        try {
            if (session != null && session.isOpen()) {
                new KillSessionOperation(session).execute(null);
            }
        } catch (CoreException e) {
            if (Failure.of(e.getStatus()).orElse(null) != Failure.DISCONNECTED) {
                throw e;
            }
        }
    }
}
