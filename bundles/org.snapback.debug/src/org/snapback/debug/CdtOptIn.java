// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.debug.core.DebugPlugin;
import org.snapback.debug.internal.CdtLaunchListener;
import org.snapback.debug.internal.CdtLaunchType;

/** Brings CDT's own launches under checkpoint control, where their configuration says so. */
public final class CdtOptIn {

    private static final AtomicBoolean INSTALLED = new AtomicBoolean();

    private CdtOptIn() {}

    /** To be called once the workbench is up, before anything is launched; further calls do nothing. */
    public static void install() {
        if (INSTALLED.compareAndSet(false, true)) {
            DebugPlugin.getDefault().getLaunchManager().addLaunchListener(new CdtLaunchListener());
        }
    }

    /**
     * Why launches of that type cannot be brought under checkpoint control, in one sentence; empty: they can.
     *
     * @param launchType the id of a launch configuration type
     */
    public static Optional<String> refusal(String launchType) {
        return CdtLaunchType.of(launchType)
                .map(CdtLaunchType::refusal)
                .orElse(Optional.of("Checkpoint control is offered for C/C++ launches only."));
    }
}
