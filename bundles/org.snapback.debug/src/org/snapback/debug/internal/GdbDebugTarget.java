// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.io.IOException;
import java.util.Locale;
import org.eclipse.core.resources.IMarkerDelta;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.Status;
import org.eclipse.debug.core.DebugEvent;
import org.eclipse.debug.core.DebugException;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.model.DebugElement;
import org.eclipse.debug.core.model.IBreakpoint;
import org.eclipse.debug.core.model.IDebugTarget;
import org.eclipse.debug.core.model.IMemoryBlock;
import org.eclipse.debug.core.model.IProcess;
import org.eclipse.debug.core.model.IThread;
import org.snapback.core.Failure;
import org.snapback.core.Session;
import org.snapback.core.SessionChange;
import org.snapback.core.SessionState;

/**
 * A gdb session in the Debug view: shows how it stands, and lets the user interrupt the program.
 *
 * <p>gdb's own console is where one steps and looks; so there are no threads and no frames here.
 */
final class GdbDebugTarget extends DebugElement implements IDebugTarget {

    private static final String MODEL = "org.snapback.debug.gdb";

    private final ILaunch launch;
    private final SessionProcess process;
    private final Session session;

    GdbDebugTarget(ILaunch launch, SessionProcess process, Session session) {
        super(null);
        this.launch = launch;
        this.process = process;
        this.session = session;
        session.addListener((s, change) -> changed(change));
        fireCreationEvent();
    }

    private void changed(SessionChange change) {
        if (change instanceof SessionChange.StateChanged state) {
            switch (state.state()) {
                case RUNNING -> fireResumeEvent(DebugEvent.CLIENT_REQUEST);
                case STOPPED -> fireSuspendEvent(DebugEvent.UNSPECIFIED);
                default -> fireChangeEvent(DebugEvent.STATE);
            }
        } else if (change instanceof SessionChange.Ended) {
            fireTerminateEvent();
        }
    }

    @Override
    public String getName() {
        return session.name() + " (" + session.state().name().toLowerCase(Locale.ROOT) + ")";
    }

    @Override
    public IDebugTarget getDebugTarget() {
        return this;
    }

    @Override
    public ILaunch getLaunch() {
        return launch;
    }

    @Override
    public IProcess getProcess() {
        return process;
    }

    @Override
    public String getModelIdentifier() {
        return MODEL;
    }

    @Override
    public boolean isSuspended() {
        return session.state() == SessionState.STOPPED;
    }

    @Override
    public boolean canSuspend() {
        return session.state() == SessionState.RUNNING;
    }

    @Override
    public void suspend() throws DebugException {
        try {
            process.interrupt();
        } catch (IOException e) {
            throw failed("The program cannot be interrupted: " + e.getMessage() + ". Terminate the session.", e);
        }
    }

    /** One goes on by a command in gdb's console. */
    @Override
    public boolean canResume() {
        return false;
    }

    @Override
    public void resume() throws DebugException {
        throw unsupported("Type \"continue\" in the console of gdb to go on.");
    }

    @Override
    public boolean canTerminate() {
        return process.canTerminate();
    }

    @Override
    public boolean isTerminated() {
        return process.isTerminated();
    }

    @Override
    public void terminate() throws DebugException {
        process.terminate();
    }

    @Override
    public boolean hasThreads() {
        return false;
    }

    @Override
    public IThread[] getThreads() {
        return new IThread[0];
    }

    @Override
    public boolean supportsBreakpoint(IBreakpoint breakpoint) {
        return false;
    }

    @Override
    public void breakpointAdded(IBreakpoint breakpoint) {
        // gdb's own breakpoints only, see supportsBreakpoint
    }

    @Override
    public void breakpointRemoved(IBreakpoint breakpoint, IMarkerDelta delta) {
        // as breakpointAdded
    }

    @Override
    public void breakpointChanged(IBreakpoint breakpoint, IMarkerDelta delta) {
        // as breakpointAdded
    }

    @Override
    public boolean canDisconnect() {
        return false;
    }

    @Override
    public boolean isDisconnected() {
        return false;
    }

    @Override
    public void disconnect() throws DebugException {
        throw unsupported("Type \"detach\" in the console of gdb to let the program go.");
    }

    @Override
    public boolean supportsStorageRetrieval() {
        return false;
    }

    @Override
    public IMemoryBlock getMemoryBlock(long start, long length) throws DebugException {
        throw unsupported("Type \"x/32xb ADDRESS\" in the console of gdb to look at memory.");
    }

    private static DebugException unsupported(String text) {
        return failed(text, null);
    }

    private static DebugException failed(String text, Throwable cause) {
        int code = cause == null ? DebugException.NOT_SUPPORTED : Failure.FAILED.code();
        return new DebugException(new Status(IStatus.ERROR, "org.snapback.debug", code, text, cause));
    }
}
